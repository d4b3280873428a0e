"""The bookshop that ``weighbridge demo`` runs, the traffic sent to it, and how that traffic must be counted."""
