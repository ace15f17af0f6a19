"""The documented mechanisms, one file each: open one and dispute a number."""
