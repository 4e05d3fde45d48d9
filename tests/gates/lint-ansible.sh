# Playbooks, roles and inventories, by the strictest profile.
ansible-lint --offline --profile production --strict
