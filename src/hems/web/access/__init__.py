"""Who may: passwords, sessions, tokens, and the rules by which a request is let in. Unknown is refused."""
