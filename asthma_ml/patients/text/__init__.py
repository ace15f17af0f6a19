"""From bytes to rows and cells of text: encoding, delimiter, header, quotation marks."""
