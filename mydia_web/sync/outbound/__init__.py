"""What goes out: the queue's rows, delivered to the servers."""
