"""What is on the page: layouts, and which function of `requests` each of them asks."""
