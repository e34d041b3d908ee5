"""The networks: encoders, mixtures, FaVChat, and what loads and saves them."""
