"""What an AgentDeployment does on hosts; loaded when a stack has one, since it loads SSH."""
