"""From columns of text to variables: names, units, codes and numbers."""
