def check(facts, limit)
    return ()
