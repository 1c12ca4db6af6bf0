"""The protocol of the npm package `@hocuspocus/provider`, versions 2 to 4, without I/O."""
