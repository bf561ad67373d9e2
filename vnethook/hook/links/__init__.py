"""What keeps links with other hosts up: a daemon of two processes for each network that has any."""
