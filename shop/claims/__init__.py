"""The copy checker: which sentences of a text say more about a cosmetic than anybody has shown."""
