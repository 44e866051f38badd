redirect "mirror.box77@mailfree.example";
