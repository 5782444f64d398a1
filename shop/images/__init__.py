"""Pictures for every app: uploads are checked and kept private, what visitors see is drawn anew from them.

An app has pictures by subclassing `models.Picture`, putting `admin.PictureInline` on its page and naming its
model in a task that calls `pictures.prepare_waiting`; `showing` turns the rows into addresses.
"""
