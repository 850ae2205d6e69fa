"""The only place where secrets are read: where files are installed, never where they are rendered or approved."""
