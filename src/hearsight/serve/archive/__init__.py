"""What a server does with the many recordings behind it: search an index, keep judgements, teach classes."""
