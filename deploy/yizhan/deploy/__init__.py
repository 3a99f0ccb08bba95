"""The broker's machine: broker, certificates, topics, rights. Imports schemas and runtime."""
