# What Galaxy checks when a collection is uploaded. ansible-test and ansible-lint are gates of their own.
config=.build/gates/importer.cfg
cat >"$config" <<'END'
[galaxy-importer]
RUN_ANSIBLE_TEST = False
RUN_ANSIBLE_LINT = False
RUN_FLAKE8 = False
CHECK_REQUIRED_TAGS = True
REQUIRE_V1_OR_GREATER = False
END
GALAXY_IMPORTER_CONFIG=$config python -m galaxy_importer.main .build/artefact/*.tar.gz | tee .build/gates/importer.txt
! grep -E '^(ERROR|CRITICAL)|Traceback' .build/gates/importer.txt
