"""What a model is measured by: shares of sensible samples, likelihood, rediscovery; and the cards that say so."""
