"""The demonstration: a day on the border, on a real broker, with real keys and a real station."""
