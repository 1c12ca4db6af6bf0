"""What everything else is made of: values, names, typed records, operations, changes and cursors."""
