"""What people read of a change: HTML, Markdown, data."""
