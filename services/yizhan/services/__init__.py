"""The application: what officers, engineers and auditors can do, one function a use case.

Rule 1: a face (command line, web desk) parses a request, calls one service and shows the answer. Nothing here
        imports a face, writes to a terminal or asks a question.
Rule 2: answers are data: frozen dataclasses with codes and instants. Words are made at the face.
Rule 3: a service that returns content which a partner sealed writes the access log first.
"""
