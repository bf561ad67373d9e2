from vnethook.names import *  # noqa
