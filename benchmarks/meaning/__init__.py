"""Tables with one mistake of meaning each, and a judgement of what the reader makes of them."""
