"""How queries are answered: tables, indexes, plans and operators."""
