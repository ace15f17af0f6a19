"""What a user would pick instead, and floors: scripts that run as processes of their own."""
