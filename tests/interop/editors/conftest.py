from tests.support.fixtures import node, server

__all__ = ["node", "server"]
