def handler(ctx):
    mail = ctx.event.email
    words = len((mail.text or "").split())
    ctx.log.info("a mail came", sender=mail["from"], words=words)
    return {"from": mail["from"], "subject": mail.subject, "words": words}
