"""Pictures of a list of compositions, and the report that shows them beside the numbers."""
