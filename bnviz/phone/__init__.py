"""What a phone in a room gets: a light page of the lesson, and the channel that it follows."""
