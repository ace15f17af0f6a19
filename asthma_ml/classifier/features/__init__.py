"""Features of patients: columns, their encoding as numbers, and duplicate rows."""
