"""Modbus TCP: register maps as data, and a client from which no writing function can leave."""
