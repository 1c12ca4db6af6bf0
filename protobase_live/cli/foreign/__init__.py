"""Reading the stores of other Yjs servers. Nothing of them is changed."""
