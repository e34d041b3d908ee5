"""The models behind the OpenAI wire, for many clients at once."""
