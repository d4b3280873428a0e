"""The bookshop that ``weighbridge demo`` runs, the traffic it is sent, and what that traffic must be counted as."""
