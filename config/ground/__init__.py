"""The ground floor: encryption, ids, problems, limits, clock, env. Imports nothing of ours."""
