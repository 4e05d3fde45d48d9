antsibull-changelog lint
antsibull-changelog lint-changelog-yaml --no-semantic-versioning changelogs/changelog.yaml 2>/dev/null || [ ! -e changelogs/changelog.yaml ]
