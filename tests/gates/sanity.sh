# `ansible-test sanity` on what is published. It works on a Git tree below an ansible_collections directory.
tree=.build/sanity/ansible_collections/multicloud/platform
rm -rf .build/sanity
mkdir -p "$tree"
tar -xzf .build/artefact/*.tar.gz -C "$tree"
# ansible-test fetches a pip installer for its own environments from one fixed address; Python brings the same along.
for version in $(python -c '
from ansible_test._internal import python_requirements
import re, inspect
print(*re.findall(r"pip=.([0-9.]+)", inspect.getsource(python_requirements.get_venv_packages)))'); do
  shim=~/.ansible/test/cache/get_pip_${version//./_}.py
  if [ ! -e "$shim" ]; then
    mkdir -p "${shim%/*}"
    printf 'import ensurepip\nensurepip.bootstrap(default_pip=True)\n' >"$shim"
  fi
done
cd "$tree"
git init -q .
git add -A
ansible-test sanity --requirements --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" --color no
