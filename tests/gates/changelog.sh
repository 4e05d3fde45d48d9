# Fragments and configuration; the changelog itself is written by `antsibull-changelog release`.
antsibull-changelog lint
