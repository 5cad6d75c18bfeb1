"""Letters to people, by e-mail, SMS and Web Push: written by a reader of the log, sent by a thread of the relay."""
