"""Everything that speaks SQL, and the state of the schema."""
