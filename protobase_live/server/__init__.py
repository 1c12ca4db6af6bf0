"""The port, its doors, and what serves those who come through them."""
