"""The machine it runs on: broker, certificates, topics, rights. Imports schemas and runtime."""
