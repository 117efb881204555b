"""Agreements: the data-handling rules between partners, loaded, validated, decided and explained."""
