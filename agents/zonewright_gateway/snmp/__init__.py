"""SNMP: families of PDUs as data, and a client that only asks (GET and GETBULK)."""
