# The collection as it is published: .build/artefact/multicloud-platform-<version>.tar.gz, from the tracked files.
rm -rf .build/source .build/artefact
mkdir -p .build/source .build/artefact
git ls-files -z --cached | while IFS= read -r -d '' file; do
  if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null -T - -cf - | tar -xf - -C .build/source
ansible-galaxy collection build .build/source --output-path .build/artefact
