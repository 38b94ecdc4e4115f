"""What trying a shortcut on a network that it does not hold for may raise."""

# What a network may raise when a trial takes it apart; the trial then says no.
BROKEN = (RuntimeError, AttributeError, TypeError, IndexError, KeyError, ValueError, NotImplementedError)
