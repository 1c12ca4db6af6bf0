"""What queries give: rows, and differences between rows."""
