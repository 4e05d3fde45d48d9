# Documentation of plugins, roles and pages, as Galaxy and the documentation build read it. It is looked at where
# Ansible finds it: below an ansible_collections directory.
cd .build/collections/ansible_collections/multicloud/platform
antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self .
