"""Machines that call: terminals and whatever else signs its requests, or comes with a certificate."""
