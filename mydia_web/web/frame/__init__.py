"""What every page stands in: sign-in, transactions, htmx, the shell, errors and assets."""
