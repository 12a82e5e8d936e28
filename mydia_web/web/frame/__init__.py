"""The frame of all pages: sign-in, transactions, htmx, the shell, errors, words and addresses."""
