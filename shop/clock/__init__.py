"""The shop's clock. Doors read it once and pass the time down; verbs never look at a clock themselves."""
