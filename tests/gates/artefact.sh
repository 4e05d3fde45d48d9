# The published file, installed where nothing else of this checkout is: documentation and playbooks work by name.
gates=$PWD/tests/gates
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
artefact=$(echo "$PWD"/.build/artefact/*.tar.gz)
export ANSIBLE_COLLECTIONS_PATH=$place/collections ANSIBLE_LOCALHOST_WARNING=false
unset ANSIBLE_CONFIG PYTHONPATH
cd "$place"
ansible-galaxy collection install --offline "$artefact" -p "$place/collections"
top=$place/collections/ansible_collections/multicloud/platform
for stranger in sandbox inventories molecule tests/unit tests/contract Makefile .ci requirements/sandbox.txt; do
  if [ -e "$top/$stranger" ]; then
    echo "$stranger is in the published file: add it to build_ignore in galaxy.yml"
    exit 1
  fi
done
for module in "$top"/plugins/modules/*.py; do
  name=multicloud.platform.$(basename "$module" .py)
  ansible-doc --type module --json "$name" >/dev/null
  echo "ansible-doc $name: ok"
done
ansible-builder introspect "$place/collections" | tee "$place/dependencies"
grep -q boto3 "$place/dependencies"
python "$gates/installed.py" "$place/collections" "$place"
